/* Messages of the kernel.
 *
 *   1. formatting    ksnprintf, kvsnprintf
 *   2. kprintf       one message, sent with the next request that goes out anyway
 *   3. panic         the last message
 *
 * A conversion is %[-][0][width][.precision][l|ll|z](s c d i u x p %); width and precision may be *,
 * precision is for %s only. */
#include "kernel.h"
#include "platform.h"

#define MESSAGE_MAX  512
#define LOG_BYTES    2048
#define PANIC_STATUS 0x7f

/* Where text goes: counts what does not fit, too. */
struct sink {
    char *to;
    size_t size, used;
};

struct conversion {
    bool left, zero;
    int width, precision; /* precision: -1 for none */
    bool is_long;
};

static void put(struct sink *s, char c)
{
    if (s->used + 1 < s->size)
        s->to[s->used] = c;
    s->used++;
}

static void put_padded(struct sink *s, const struct conversion *v, const char *text, int length)
{
    int pad = v->width > length ? v->width - length : 0;

    if (!v->left && v->zero && length > 0 && *text == '-') { /* the sign goes before the zeros */
        put(s, *text++);
        length--;
    }
    for (int i = 0; !v->left && i < pad; i++)
        put(s, v->zero ? '0' : ' ');
    for (int i = 0; i < length; i++)
        put(s, text[i]);
    for (int i = 0; v->left && i < pad; i++)
        put(s, ' ');
}

static void put_number(struct sink *s, const struct conversion *v, uint64_t value, unsigned base,
                       const char *prefix)
{
    char digits[32], *p = digits + sizeof(digits);
    size_t prefix_length = strlen(prefix);

    do
        *--p = "0123456789abcdef"[value % base];
    while (value /= base);
    p -= prefix_length;
    memcpy(p, prefix, prefix_length);
    put_padded(s, v, p, (int)(digits + sizeof(digits) - p));
}

static void put_string(struct sink *s, const struct conversion *v, const char *text)
{
    int length = 0;

    if (!text)
        text = "(null)";
    while ((v->precision < 0 || length < v->precision) && text[length])
        length++;
    put_padded(s, v, text, length);
}

/* A number of the format itself, or an argument where it says *. */
static int take_number(const char **format, va_list *args)
{
    int n = 0;

    if (**format == '*') {
        (*format)++;
        return va_arg(*args, int);
    }
    while (**format >= '0' && **format <= '9')
        n = n * 10 + (*(*format)++ - '0');
    return n;
}

static struct conversion take_conversion(const char **format, va_list *args)
{
    struct conversion v = { .precision = -1 };

    for (;; (*format)++) {
        if (**format == '-')
            v.left = true;
        else if (**format == '0')
            v.zero = true;
        else
            break;
    }
    v.width = take_number(format, args);
    if (**format == '.') {
        (*format)++;
        v.precision = take_number(format, args);
    }
    while (**format == 'l' || **format == 'z') {
        v.is_long = true;
        (*format)++;
    }
    return v;
}

static void put_conversion(struct sink *s, const struct conversion *v, char kind, va_list *args)
{
    int64_t number;
    char c;

    switch (kind) {
    case 's':
        put_string(s, v, va_arg(*args, const char *));
        break;
    case 'c':
        c = (char)va_arg(*args, int);
        put_padded(s, v, &c, 1);
        break;
    case 'd':
    case 'i':
        number = v->is_long ? va_arg(*args, long) : va_arg(*args, int);
        put_number(s, v, number < 0 ? -(uint64_t)number : (uint64_t)number, 10, number < 0 ? "-" : "");
        break;
    case 'u':
    case 'x':
        put_number(s, v, v->is_long ? va_arg(*args, unsigned long) : va_arg(*args, unsigned),
                   kind == 'u' ? 10 : 16, "");
        break;
    case 'p':
        put_number(s, v, (uintptr_t)va_arg(*args, void *), 16, "0x");
        break;
    default:
        put(s, kind);
    }
}

int kvsnprintf(char *to, size_t size, const char *format, va_list list)
{
    struct sink s = { to, size, 0 };
    va_list args;

    va_copy(args, list);
    while (*format) {
        struct conversion v;

        if (*format != '%') {
            put(&s, *format++);
            continue;
        }
        format++;
        v = take_conversion(&format, &args);
        if (*format)
            put_conversion(&s, &v, *format++, &args);
    }
    va_end(args);
    if (size)
        to[s.used < size ? s.used : size - 1] = '\0';
    return (int)s.used;
}

int ksnprintf(char *to, size_t size, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = kvsnprintf(to, size, format, args);
    va_end(args);
    return n;
}

/* Messages stay as they are until the platform has sent them, which is only known of all: so one goes behind
 * the other, and when there is no room left, all are sent. */
static void write_message(const char *format, va_list args)
{
    static char log[LOG_BYTES];
    static uint64_t used;

    if (LOG_BYTES - used < MESSAGE_MAX) {
        platform->commit();
        used = 0;
    }
    int n = kvsnprintf(log + used, MESSAGE_MAX, format, args);
    uint64_t bytes = n < MESSAGE_MAX ? (uint64_t)n : MESSAGE_MAX - 1;
    platform->console_write(PV_CONSOLE_LOG, log + used, bytes);
    used += bytes;
}

void kprintf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_message(format, args);
    va_end(args);
}

void panic(const char *format, ...)
{
    static unsigned panics;
    va_list args;

    /* A second one may tell why the first one's message did not get out; a third one says nothing more. */
    if (panics++ < 2) {
        kprintf("kernel panic: ");
        va_start(args, format);
        write_message(format, args);
        va_end(args);
        kprintf("\n");
    }
    platform->shutdown(PV_SHUTDOWN_PANIC, PANIC_STATUS);
}
