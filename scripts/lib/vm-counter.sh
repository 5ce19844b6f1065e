# shellcheck shell=bash
# The image of a virtual machine that shows whether a backup of it is from one moment.
#
# It has no system: its boot sector adds one to a counter, for ever, and writes it with the BIOS to a
# sector at 1 MiB of its disk, then to one at 15 MiB, then to one at 1 MiB of a second disk, if there is
# one. What is from one moment has them equal or one apart, never the wrong way round. In between is noise.

# 16 bit code for address 0x7c00:
#   xor ax,ax; mov ds,ax; mov es,ax; mov ss,ax; mov sp,0x7c00; cld
#   mov di,0x8000; mov cx,256; rep stosw                 the sector that is written
#   next: inc dword [0x8000]
#   mov dl,0x80; mov si,near; call write; mov si,far; call write
#   mov dl,0x81; mov si,near; call write; jmp next
#   write: mov ax,0x4300; int 0x13; ret
#   near, far: address packets of one sector, 2048 and 30720
counter_code=31c08ed88ec08ed0bc007cfcbf0080b90001f3ab66ff060080b280be377ce81000be477ce80a00b281be377ce80200ebe3
counter_code+=b80043cd13c3
counter_code+=10000100008000000008000000000000
counter_code+=10000100008000000078000000000000

# counter_image FOLDER: writes counter.tar.gz (its description) and counter.qcow2 (its disk, 16 MiB).
counter_image() {
  local folder=$1 disk=$1/counter.raw escaped
  head -c 16M /dev/urandom >"$disk"
  head -c 512 /dev/zero | dd of="$disk" conv=notrunc status=none
  # shellcheck disable=SC2001  # each pair of digits
  escaped=$(sed 's/../\\x&/g' <<<"$counter_code")
  printf '%b' "$escaped" | dd of="$disk" conv=notrunc status=none
  printf '\x55\xaa' | dd of="$disk" bs=1 seek=510 conv=notrunc status=none
  qemu-img convert -f raw -O qcow2 "$disk" "$folder/counter.qcow2"
  rm "$disk"
  cat >"$folder/metadata.yaml" <<METADATA
architecture: x86_64
creation_date: 1700000000
properties:
  architecture: x86_64
  description: a machine that counts, for tests
  os: none
METADATA
  tar -C "$folder" --owner=0 --group=0 --numeric-owner -czf "$folder/counter.tar.gz" metadata.yaml
  rm "$folder/metadata.yaml"
}
