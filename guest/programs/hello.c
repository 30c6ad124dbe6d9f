/* hello: the least that a program can do. */
#include <stdio.h>

int main(void)
{
    puts("Hello from a program in a guest.");
    return 0;
}
