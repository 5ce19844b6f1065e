"""Writes parts of a restic repository that restic itself makes too slowly for tests.

usage: restic_repository.py template FOLDER
       restic_repository.py snapshots FOLDER <JSON-LINES
       restic_repository.py versions COUNT >JSON-LINES

template   an empty repository, whose password is `a password of tests`. Its key is wrapped with the
           cheapest scrypt that restic accepts (N = 2): restic's own `init` chooses one that takes half
           a second at every start. tests/it/fixtures/restic was made by this.
snapshots  a snapshot in a repository made by `template` for each line of standard input, which is the
           JSON of the snapshot. restic lists them; they have no data.
versions   the snapshots of COUNT versions of instances, two of each, for `snapshots`.

The formats are those of restic's doc/design.rst: encryption is AES-256-CTR, then Poly1305-AES over it.
The master key is no secret, so nothing of value belongs into such a repository. AES is openssl's.
"""

import base64
import datetime
import hashlib
import json
import os
import subprocess
import sys

PASSWORD = b"a password of tests"
SALT = b"incus-backup".ljust(64, b".")
# Encryption, then the two halves of the MAC's key.
MASTER = hashlib.sha512(b"master key of the tests of incus-backup").digest()
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


def openssl(cipher, key, data, *more):
    command = ["openssl", "enc", "-e", cipher, "-K", key.hex(), *more]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def poly1305(r, s, message):
    r = int.from_bytes(r, "little") & CLAMP
    total = 0
    for at in range(0, len(message), 16):
        part = message[at : at + 16] + b"\1"
        total = (total + int.from_bytes(part, "little")) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(s, "little")) % (1 << 128)).to_bytes(16, "little")


def encrypt(keys, plain):
    """Encrypts texts with 64 bytes of keys. One run of openssl is enough for all of them: each begins
    where the counter of the one before it ended, and where it begins is its nonce."""
    encryption, k, r = keys[:32], keys[32:48], keys[48:]
    padded = [text + bytes(-len(text) % 16) for text in plain]
    first = int.from_bytes(hashlib.sha256(b"".join(padded)).digest()[:16], "big") >> 1
    nonces, at = [], first
    for text in padded:
        nonces.append(at.to_bytes(16, "big"))
        at += len(text) // 16
    stream = openssl("-aes-256-ctr", encryption, b"".join(padded), "-iv", nonces[0].hex())
    masks = openssl("-aes-128-ecb", k, b"".join(nonces), "-nopad")
    at = 0
    for number, text in enumerate(plain):
        cipher = stream[at : at + len(text)]
        at += len(padded[number])
        mask = masks[16 * number : 16 * number + 16]
        yield nonces[number] + cipher + poly1305(r, mask, cipher)


def encode(data):
    return base64.b64encode(data).decode()


def write(folder, kind, content):
    path = os.path.join(folder, kind)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, hashlib.sha256(content).hexdigest()), "wb") as file:
        file.write(content)


def template(folder):
    for kind in ["data", "index", "keys", "locks", "snapshots"]:
        os.makedirs(os.path.join(folder, kind))
    clamped = (int.from_bytes(MASTER[48:], "little") & CLAMP).to_bytes(16, "little")
    master = {
        "mac": {"k": encode(MASTER[32:48]), "r": encode(clamped)},
        "encrypt": encode(MASTER[:32]),
    }
    wrapping = hashlib.scrypt(PASSWORD, salt=SALT, n=2, r=1, p=1, dklen=64)
    [data] = encrypt(wrapping, [json.dumps(master).encode()])
    key = {
        "created": "2026-01-01T00:00:00Z",
        "username": "tests",
        "hostname": "tests",
        "kdf": "scrypt",
        "N": 2,
        "r": 1,
        "p": 1,
        "salt": encode(SALT),
        "data": encode(data),
    }
    write(folder, "keys", json.dumps(key).encode())
    # The polynomial is the one of restic's own example.
    config = {
        "version": 2,
        "id": hashlib.sha256(MASTER).hexdigest(),
        "chunker_polynomial": "25b468838dcb75",
    }
    [content] = encrypt(MASTER, [json.dumps(config).encode()])
    with open(os.path.join(folder, "config"), "wb") as file:
        file.write(content)


def snapshots(folder, lines):
    for content in encrypt(MASTER, lines):
        write(folder, "snapshots", content)


def packed(manifest):
    """A manifest as it stands in a tag: a frame of Zstandard, here with a block that is not compressed."""
    text = json.dumps(manifest).encode()
    block = (len(text) << 3 | 1).to_bytes(3, "little")
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(text).to_bytes(4, "little") + block + text
    return base64.urlsafe_b64encode(frame).decode().rstrip("=")


def versions(count):
    for number in range(count):
        name, day = f"c{number % 100}", number // 100
        at = datetime.datetime(2020, 1, 1) + datetime.timedelta(days=day, seconds=number % 100)
        version, time = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y-%m-%dT%H:%M:%SZ")
        sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        archive = {
            "file": "export.tar",
            "compression": "none",
            "size": 1 << 30,
            "stored_size": 1 << 30,
            "sha256": sha256,
            "members": 1000,
        }
        instance = {
            "type": "container",
            "architecture": "x86_64",
            "status": "Stopped",
            "pool": "default",
            "driver": "dir",
            "snapshots": [],
        }
        manifest = {
            "format": 2,
            "type": "instance",
            "source": "bench",
            "server_version": "6.0.4",
            "project": "default",
            "name": name,
            "version": version,
            "created_at": time,
            "run": f"{version}-{number:08x}",
            "consistency": "consistent",
            "method": "direct",
            "options": {"instance_only": False, "optimized": False},
            "archive": archive,
            "instance": instance,
            "requires": {"profiles": ["default"], "networks": [], "pools": [], "volumes": [], "images": []},
        }
        tags = [
            "type=instance",
            "source=bench",
            "project=default",
            f"name={name}",
            f"timestamp={version}",
            "schema=v2",
            f"draft={number:08x}",
        ]
        parts = [
            ("data", f"instance_default_{name}.tar", 1 << 30, ["file=export.tar"]),
            ("manifest", f"instance_default_{name}.manifest.tar", 5000, [f"manifest={packed(manifest)}"]),
        ]
        for part, file, size, more in parts:
            snapshot = {
                "time": time,
                "tree": sha256,
                "paths": [f"/{file}"],
                "hostname": "bench",
                "username": "root",
                "tags": [*tags, f"part={part}", *more],
                "program_version": "restic 0.18.0",
                "summary": {"backup_start": time, "backup_end": time, "total_bytes_processed": size},
            }
            print(json.dumps(snapshot))


if __name__ == "__main__":
    what, folder = sys.argv[1:3]
    if what == "template":
        template(folder)
    elif what == "versions":
        versions(int(folder))
    else:
        snapshots(folder, [line.strip() for line in sys.stdin.buffer if line.strip()])
