#!/usr/bin/env python3
"""What the program is made of, as a bill of materials (CycloneDX 1.5), to standard output.

Reads `cargo metadata` for one package and platform: what is linked, and what runs while it is built; nothing that only tests
use. The same Cargo.lock gives the same bytes.

    scripts/sbom.py PACKAGE PLATFORM [FEATURE,…]
"""

import json
import re
import subprocess
import sys

USAGE = "usage: sbom.py PACKAGE PLATFORM [FEATURE,...]"


def metadata(platform, features):
    call = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", platform]
    return json.loads(subprocess.run(call + (["--features", features] if features else []), check=True, stdout=subprocess.PIPE).stdout)


def checksums():
    lock = open("Cargo.lock", encoding="utf-8").read()
    pattern = r'name = "([^"]+)"\nversion = "([^"]+)"\nsource = "[^"]+"\nchecksum = "([0-9a-f]{64})"'
    return {(name, version): checksum for name, version, checksum in re.findall(pattern, lock)}


def reached(nodes, root):
    """Identifiers of all that `root` needs, tests apart."""
    found, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            kinds = lambda dep: {kind["kind"] for kind in dep["dep_kinds"]}
            waiting.extend(dep["pkg"] for dep in nodes[node]["deps"] if kinds(dep) - {"dev"})
    return found


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, known, kind="library"):
    purl = reference(package)
    made = {"type": kind, "bom-ref": purl, "name": package["name"], "version": package["version"], "purl": purl}
    if package["license"]:
        # Cargo allows a slash where SPDX has a word.
        made["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    checksum = known.get((package["name"], package["version"]))
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def main(arguments):
    if len(arguments) not in (2, 3):
        sys.exit(USAGE)
    wanted, platform, *features = arguments
    told = metadata(platform, ",".join(features))
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    roots = [one for one in told["workspace_members"] if packages[one]["name"] == wanted]
    if not roots:
        sys.exit(f"sbom.py: no package {wanted!r} in this workspace")
    root, known = roots[0], checksums()
    used = sorted(reached(nodes, root), key=lambda one: reference(packages[one]))
    needs = lambda one: sorted({reference(packages[dep]) for dep in nodes[one]["dependencies"] if dep in used and dep != one})
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], known, "application"), "properties": [{"name": "platform", "value": platform}]},
        "components": [component(packages[one], known) for one in used if one != root],
        "dependencies": [{"ref": reference(packages[one]), "dependsOn": needs(one)} for one in used],
    }
    json.dump(bill, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
