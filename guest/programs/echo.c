/* echo WORD...: the arguments, one a line, numbered. */
#include "program.h"

int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("%d %s\n", i, argv[i]);
    return 0;
}
