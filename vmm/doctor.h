/* `faultvisor doctor`: what /dev/kvm is here, what works with it, what does not, and what to do. */
#pragma once

/* argv[0] is the command. Returns the exit status: 0 if guests can run, STATUS_NO_KVM if not, STATUS_USAGE. */
int doctor_command(int argc, char **argv);
