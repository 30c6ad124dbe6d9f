/* Frames to play with. */
#include "torture.h"

#define LARGE_START (8ull << 20) /* the image ends below */

uint64_t frames[NR_FRAMES][PT_ENTRIES] __attribute__((aligned(4096)));
static unsigned next_frame;

gpa_t large_gpa(unsigned n)
{
    return LARGE_START + n * LARGE_BYTES;
}

uint64_t data_word(gpa_t frame, unsigned index)
{
    return frame >> PAGE_SHIFT << 40 | (uint64_t)index << 16 | CODE_OF_DATA;
}

void fill_data(gpa_t frame)
{
    volatile uint64_t *words = phys(frame);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        words[i] = data_word(frame, i);
}

void frames_reset(void)
{
    for (unsigned n = 0; n < NR_FRAMES; n++)
        fill_data(frame_gpa(n));
    next_frame = 0;
}

unsigned take_frame(void)
{
    if (next_frame == NR_FRAMES)
        panic("no frame is left");
    return next_frame++;
}

gpa_t take_table(void)
{
    unsigned n = take_frame();

    memset(frames[n], 0, PAGE_SIZE);
    return frame_gpa(n);
}
