/* References to frames. A frame has one type at a time; it can change only while nobody uses it as its type.
 *
 *   reference to ...               ref_count   type_count
 *   a read-only mapping               +1
 *   a writable mapping                +1          +1 as WRITABLE
 *   an entry of a higher table,
 *   a loaded root, a pin              +1          +1 as L1 to L4
 *
 * The gets check that the frame is the domain's: nothing else does. */
#pragma once
#include "pv.h"

/* Counts stay below this, far from where they would wrap. */
#define PV_MAX_COUNT (1u << 31)

bool pv_frame_is_own(const struct pv_domain *d, mfn_t m);

/* 1 to 4 if the frame is a table, else 0. m is the domain's. */
int pv_frame_level(const struct pv_domain *d, mfn_t m);

/* 0, -PV_EPERM (not the domain's), -PV_EBUSY (in use as another type, or PV_MAX_COUNT reached): nothing
 * taken. That a frame may become a table is for pv_table_get() to check. */
int pv_ref_get(struct pv_domain *d, mfn_t m);
int pv_type_get(struct pv_domain *d, mfn_t m, enum pv_frame_type type);

/* The host writes to a frame. KVM's own shadow of what was a table is not told of that: see pv_table_get(). */
void pv_frame_note_host_write(const struct pv_domain *d, mfn_t m);

/* Give back what a get took. pv_type_put: the last one makes the frame PV_FRAME_NONE. */
void pv_ref_put(struct pv_domain *d, mfn_t m);
void pv_type_put(struct pv_domain *d, mfn_t m);
