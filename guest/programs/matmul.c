/* matmul N [double]: the product of two N x N matrices, of integers or of doubles. The second is walked by
 * columns, as the textbook's three loops do: a page for each element, once a row is longer than a page. */
#include "program.h"

static void multiply_integers(uint64_t n)
{
    uint64_t *a = (uint64_t *)map_pages(3 * n * n * 8 / PROGRAM_PAGE + 1), *b = a + n * n, *c = b + n * n;
    uint64_t state = n, sum = 0;

    for (uint64_t i = 0; i < 2 * n * n; i++)
        a[i] = next_random(&state);
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j < n; j++)
            for (uint64_t k = 0; k < n; k++)
                c[i * n + j] += a[i * n + k] * b[k * n + j];
    for (uint64_t i = 0; i < n * n; i++)
        sum = checksum_add(sum, c[i]);
    printf("integers, n = %lu: %016lx\n", (unsigned long)n, (unsigned long)sum);
}

/* The elements are small integers, so every sum is exact, whatever the order and the width of the registers.
 */
static void multiply_doubles(uint64_t n)
{
    double *a = (double *)map_pages(3 * n * n * 8 / PROGRAM_PAGE + 1), *b = a + n * n, *c = b + n * n;
    uint64_t state = n, sum = 0;
    double trace = 0;

    for (uint64_t i = 0; i < 2 * n * n; i++)
        a[i] = (double)(next_random(&state) % 1024) - 512;
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t j = 0; j < n; j++)
            for (uint64_t k = 0; k < n; k++)
                c[i * n + j] += a[i * n + k] * b[k * n + j];
    for (uint64_t i = 0; i < n * n; i++)
        sum = checksum_add(sum, (uint64_t)(int64_t)c[i]);
    for (uint64_t i = 0; i < n; i++)
        trace += c[i * n + i];
    printf("doubles, n = %lu: trace %.1f, %016lx\n", (unsigned long)n, trace, (unsigned long)sum);
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 1 ? parse_number(argv[1]) : 0;

    if (n < 1 || n > 4096 || argc > 3 || (argc == 3 && strcmp(argv[2], "double") != 0))
        fail("usage: matmul N [double], N up to 4096");
    if (argc == 3)
        multiply_doubles(n);
    else
        multiply_integers(n);
    return 0;
}
