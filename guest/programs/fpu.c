/* fpu [PROCESSES [STEPS]]: processes that keep numbers in floating-point registers while they take turns on
 * the CPU. The map is chaotic: one bit lost in one step changes all that follows. Each must end where a
 * process alone ended. */
#include <sys/wait.h>
#include <unistd.h>
#include "program.h"

#define LANES 8

/* Enough values live at once to fill most of the registers. */
static uint64_t iterate(uint64_t seed, uint64_t steps)
{
    double x[LANES];
    uint64_t sum = 0;

    for (unsigned i = 0; i < LANES; i++)
        x[i] = 0.1 + 0.05 * i + 0.001 * (double)seed;
    for (uint64_t step = 0; step < steps; step++)
        for (unsigned i = 0; i < LANES; i++)
            x[i] = 3.9 * x[i] * (1.0 - x[i]);
    for (unsigned i = 0; i < LANES; i++) {
        uint64_t bits;

        memcpy(&bits, &x[i], sizeof(bits));
        sum = checksum_add(sum, bits);
    }
    return sum;
}

int main(int argc, char **argv)
{
    uint64_t processes = argc > 1 ? parse_number(argv[1]) : 2,
             steps = argc > 2 ? parse_number(argv[2]) : 2000000;
    uint64_t alone[16], broken = 0;
    int status;

    if (processes < 1 || processes > 14)
        fail("usage: fpu [PROCESSES [STEPS]], 1 to 14 processes");
    for (uint64_t i = 0; i < processes; i++)
        alone[i] = iterate(i, steps);
    for (uint64_t i = 0; i < processes; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("fpu: cannot fork: %s", strerror(errno));
        if (pid == 0)
            _exit(iterate(i, steps) == alone[i] ? 0 : 1);
    }
    while (wait(&status) > 0)
        broken += status != 0;
    printf("%lu processes: first %016lx, %lu went astray\n", (unsigned long)processes,
           (unsigned long)alone[0], (unsigned long)broken);
    return broken != 0;
}
