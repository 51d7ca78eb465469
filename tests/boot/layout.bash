# shellcheck shell=bash
# The layout of a Sledgehammer cdboot.iso: its config files and how the volume is written. Sourced by tests/boot/templates (bootable
# images) and tests/fixtures/make (dummies of a few KiB), so that both are laid out by the same lines.
#
# The format tokens are the vendor's (file places, marker lines, 15 lines of 80 '#', first octet 555), the wording is ours.

# What the placeholder entry boots: no such address exists, so a machine that boots it says that its template was never patched.
placeholder='BOOTIF=discovery provisioner.web=http://555.0.0.1:8091 provisioner.ip=555.0.0.2/24 rs.uuid=unset -- console=ttyS0,115200'

padding() {
  local line
  printf -v line '%80s' ''
  for _ in {1..15}; do printf '%s\n' "${line// /#}"; done
}

# As in the vendor's, the device is named outright, `(cd)` in BIOS and `(cd0)` in UEFI: the image boots as a CD, which is what virtual
# media looks like, and not as a USB disk.
grub_config() {
  cat <<'END'
if [ "$grub_platform" = "efi" ]; then
    set root=(cd0)
    set linuxcmd=linux
    set initrdcmd=initrd
else
    set root=(cd)
    set linuxcmd=linux
    set initrdcmd=initrd
fi
set timeout=0
# What follows the marker is replaced for each machine; the 15 padding lines at the end keep room for it.
# REPLACE HERE
menuentry "Sledgehammer disc" {
END
  printf '    $linuxcmd /vmlinuz0 %s\n    $initrdcmd /stage1.img\n}\n' "$placeholder"
  padding
}

isolinux_config() {
  cat <<'END'
# What follows the marker is replaced for each machine; the 15 padding lines at the end keep room for it.
# REPLACE 2 HERE
timeout 0
default 1
label 1
END
  printf '    kernel /vmlinuz0\n    append initrd=/stage1.img %s ro panic=60\n' "$placeholder"
  padding
}

# configs FAMILY DIR: writes the config files of `grub` or `isolinux` where the vendor's builder puts them.
configs() {
  local family=$1 dir=$2
  mkdir -p "$dir/EFI/BOOT" "$dir/boot/grub" "$dir/images"
  grub_config >"$dir/EFI/BOOT/grub.cfg"
  cp "$dir/EFI/BOOT/grub.cfg" "$dir/EFI/BOOT/BOOT.conf"
  cp "$dir/EFI/BOOT/grub.cfg" "$dir/boot/grub/grub.cfg"
  if [[ $family == isolinux ]]; then
    mkdir -p "$dir/isolinux"
    isolinux_config >"$dir/isolinux/isolinux.cfg"
  fi
}

# The BIOS loader of a family, by its path in the volume.
bios_loader() {
  case $1 in
    isolinux) echo isolinux/isolinux.bin ;;
    *) echo boot/grub/i386-pc/eltorito.img ;;
  esac
}

# volume WRITER FAMILY DIR OUT: DIR as an ISO 9660 volume with Joliet, Rock Ridge and both El Torito entries.
# WRITER: `genisoimage`, or `xorriso` with the same arguments. Files are dated SOURCE_DATE_EPOCH; genisoimage dates the volume now.
volume() {
  local writer=$1 family=$2 dir=$3 out=$4 catalog=boot.catalog
  local -a command=(genisoimage)
  [[ $writer == xorriso ]] && command=(xorriso -as mkisofs)
  [[ $family == isolinux ]] && catalog=isolinux/boot.cat
  find "$dir" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  "${command[@]}" -quiet -input-charset utf-8 -V sledgehammer -J -r -o "$out" \
    -b "$(bios_loader "$family")" -c "$catalog" -no-emul-boot -boot-load-size 4 -boot-info-table \
    -eltorito-alt-boot -e images/efiboot.img -no-emul-boot "$dir" 2>"$out.log" || { cat "$out.log" >&2; return 1; }
  rm "$out.log"
}
