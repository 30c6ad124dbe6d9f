/* Frames to play with. */
#include "torture.h"

static unsigned next_frame;

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
    gpa_t table = frame_gpa(take_frame());

    memset(phys(table), 0, PAGE_SIZE);
    return table;
}
