/* exit STATUS: ends with that status. */
#include "program.h"

int main(int argc, char **argv)
{
    return argc > 1 ? (int)parse_number(argv[1]) : 0;
}
