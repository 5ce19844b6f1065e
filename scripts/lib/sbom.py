#!/usr/bin/env python3
"""Prints what is linked into a program, as CycloneDX 1.5.

usage: sbom.py PROGRAM VERSION

The list is cargo's own of the normal dependencies for this machine, so that nothing that only tests or
builds use is in it. The serial number is made of the program's bytes: the same program, the same list.
"""

import hashlib
import json
import subprocess
import sys
import uuid


def cargo(*arguments):
    said = subprocess.run(["cargo", *arguments], check=True, stdout=subprocess.PIPE)
    return said.stdout.decode()


def linked(metadata):
    """The ids of all packages that the program is made of, itself left out."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    found, waiting = set(), [root]
    while waiting:
        for edge in nodes[waiting.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in edge["dep_kinds"])
            if normal and edge["pkg"] not in found and edge["pkg"] != root:
                found.add(edge["pkg"])
                waiting.append(edge["pkg"])
    return found


def component(package, checksums):
    """One crate, with the licence that it declares and the checksum that cargo verified."""
    url = f"pkg:cargo/{package['name']}@{package['version']}"
    entry = {
        "type": "library",
        "bom-ref": url,
        "name": package["name"],
        "version": package["version"],
        "purl": url,
    }
    if package.get("license"):
        expression = package["license"].replace("/", " OR ")
        entry["licenses"] = [{"expression": expression}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return entry


def locked():
    """The checksums of Cargo.lock by name and version."""
    checksums, name, version = {}, None, None
    with open("Cargo.lock", encoding="utf-8") as lock:
        for line in lock:
            key, _, value = line.strip().partition(" = ")
            value = value.strip('"')
            if key == "name":
                name = value
            elif key == "version":
                version = value
            elif key == "checksum":
                checksums[name, version] = value
    return checksums


def main():
    program, version = sys.argv[1:]
    triple = next(
        line.split()[1]
        for line in subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE).stdout.decode().splitlines()
        if line.startswith("host: ")
    )
    metadata = json.loads(cargo("metadata", "--format-version=1", "--locked", "--filter-platform", triple))
    ids = linked(metadata)
    checksums = locked()
    packages = sorted(
        (package for package in metadata["packages"] if package["id"] in ids),
        key=lambda package: (package["name"], package["version"]),
    )
    with open(program, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    json.dump(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "application",
                    "name": "incus-backup",
                    "version": version,
                    "licenses": [{"license": {"id": "Apache-2.0"}}],
                    "hashes": [{"alg": "SHA-256", "content": digest}],
                }
            },
            "components": [component(package, checksums) for package in packages],
        },
        sys.stdout,
        indent=1,
    )
    print()


main()
