"""The two emulators, and what each needs to boot the same kernel and initramfs.

Both write the machine's four serial ports to files in the run's folder: console, out, err, report (see init).
QEMU emulates SVM only and Bochs' AMD models do not run KVM, so the substrate decides which one it is."""
import os
import subprocess

from leash import LIBC, leash

PORTS = ("console", "out", "err", "report")
KERNEL_OPTIONS = "console=ttyS0,115200 panic=-1 quiet cryptomgr.notests mitigations=off nokaslr transparent_hugepage=never"

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000

ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin"
LDLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"
BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGA_BIOS = "/usr/share/bochs/VGABIOS-lgpl-latest"

# rfb is the one display in Debian's package that needs no screen. The default sound drivers abort where there
# is no sound. A triple fault is how the kernel restarts after a panic: it has to end Bochs. What KVM does is an error to Bochs a thousand times a second, or worth a
# line: none of it is kept.
BOCHSRC = """\
display_library: rfb, options="timeout=0"
config_interface: textconfig
cpu: model=corei7_haswell_4770, count=1, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=1
clock: sync=none
megs: {memory}
romimage: file={bios}
vgaromimage: file={vga_bios}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=console
com2: enabled=1, mode=file, dev=out
com3: enabled=1, mode=file, dev=err
com4: enabled=1, mode=file, dev=report
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
plugin_ctrl: speaker=0, voodoo=0, ne2k=0, sb16=0, es1370=0, e1000=0, gameport=0
panic: action=fatal
error: action=ignore
info: action=ignore
log: emulator.log
"""

ISOLINUX_CFG = """\
default nested
prompt 0
label nested
  kernel /vmlinuz
  append initrd=/base.cpio,/run.cpio {options} reboot=t
"""


def _leave_network():
    """Runs in the child, before the emulator. Bochs' display listens on a port of every interface: a network
    namespace of its own keeps it from other users, and from other Bochs. Where the system allows no namespace
    it takes the first free port from 5900 on."""
    if LIBC.unshare(CLONE_NEWNET) != 0:
        LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNET)


def _start(command, folder, *before):
    with open(os.path.join(folder, "emulator.out"), "wb") as out:
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                start_new_session=True, preexec_fn=leash(*before))


def _start_qemu(folder, vmlinuz, base, memory):
    with open(os.path.join(folder, "initrd"), "wb") as whole:
        for part in (base, os.path.join(folder, "run.cpio")):
            with open(part, "rb") as f:
                whole.write(f.read())
    serial = [word for port in PORTS for word in ("-serial", "file:" + port)]
    return _start(["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,+svm,+npt", "-m", str(memory),
                   "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot",
                   *serial, "-kernel", vmlinuz, "-initrd", "initrd", "-append", KERNEL_OPTIONS], folder)


def _make_iso(folder, vmlinuz, base):
    """Bochs boots no bare kernel: isolinux loads it from a CD."""
    with open(os.path.join(folder, "isolinux.cfg"), "w") as f:
        f.write(ISOLINUX_CFG.format(options=KERNEL_OPTIONS))
    loader = ["-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot",
              "-boot-load-size", "4", "-boot-info-table"]
    files = ["isolinux/isolinux.bin=" + ISOLINUX, "isolinux/ldlinux.c32=" + LDLINUX,
             "isolinux/isolinux.cfg=isolinux.cfg", "vmlinuz=" + vmlinuz,
             "base.cpio=" + base, "run.cpio=run.cpio"]
    done = subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", "boot.iso", *loader, "-graft-points",
                           *files], cwd=folder, capture_output=True, text=True,
                          errors="replace", preexec_fn=leash())
    if done.returncode != 0:
        raise OSError(f"xorriso: {done.stderr.strip()}")


def _start_bochs(folder, vmlinuz, base, memory):
    _make_iso(folder, vmlinuz, base)
    with open(os.path.join(folder, "bochsrc"), "w") as f:
        f.write(BOCHSRC.format(memory=memory, bios=BIOS, vga_bios=VGA_BIOS))
    with open(os.path.join(folder, "go"), "w") as f:
        f.write("c\n")  # Debian's Bochs has its debugger built in, which waits to be told to continue
    return _start(["bochs-bin", "-q", "-f", "bochsrc", "-rc", "go"], folder, _leave_network)


def start(substrate, folder, vmlinuz, base, memory):
    """Boot the machine with folder/run.cpio on top of base. Returns its process."""
    for port in PORTS:
        open(os.path.join(folder, port), "wb").close()
    begin = _start_qemu if substrate.startswith("svm") else _start_bochs
    return begin(folder, vmlinuz, base, memory)


def stop(process):
    process.kill()
    process.wait()


def cpu_seconds(process):
    """What the emulator has computed so far: the measure of patience on a machine that others use too."""
    try:
        with open(f"/proc/{process.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0
