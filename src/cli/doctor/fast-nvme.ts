import { type Sysfs, thisSysfs } from '../../media/linux-disk.ts';

/**
 * True when every disk of `device` (kernel names with `+` between them) is an NVMe disk with at least four PCIe lanes of 8 GT/s or
 * two of 32: what ComfyUI calls a fast disk. False on systems that do not tell.
 */
export function isFastNvme(device: string | null, sysfs: Sysfs = thisSysfs): boolean {
  const names = device?.split('+') ?? [];
  return names.length > 0 && names.every((name) => name.startsWith('nvme') && hasFastLink(name, sysfs));
}

function hasFastLink(name: string, sysfs: Sysfs): boolean {
  // The NVMe controller is below the block device, and the PCI device below that.
  const pci = `/sys/class/block/${name}/device/device`;
  const speed = Number.parseFloat(sysfs.read(`${pci}/current_link_speed`) ?? '');
  const width = Number.parseInt(sysfs.read(`${pci}/current_link_width`) ?? '', 10);
  return (speed >= 8 && width >= 4) || (speed >= 32 && width >= 2);
}
