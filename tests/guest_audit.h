/* Everything that the guest kernel's memory side counts, counted again from the page tables. */
#pragma once

/* 0, or the number of disagreements, each printed. Between operations only. */
unsigned guest_audit(void);
