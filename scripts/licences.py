#!/usr/bin/env python3
"""The licences of everything that is linked into what we ship, with their texts: licences.py > THIRD-PARTY-LICENSES.txt

Asks `cargo metadata` what the program (this platform) and the page (wasm32) are made of, development and build dependencies left
out. Exit code 1: a package names no licence."""

import json
import pathlib
import subprocess
import sys

SHIPPED = {"understudy-server": None, "understudy-frontend": "wasm32-unknown-unknown"}
# As authors name them; in any case, with any ending.
FILES = ("license", "licence", "copying", "notice", "unlicense")


def main():
    packages = {}
    for root, platform in SHIPPED.items():
        packages.update(linked(root, platform or host()))
    nameless = [package["id"] for package in packages.values() if not (package["license"] or package["license_file"])]
    if nameless:
        sys.exit(f"licences: expected a licence in the manifest of {', '.join(nameless)}")
    ordered = sorted(packages.values(), key=lambda package: (package["name"], package["version"]))
    texts = {}
    print("What Understudy is made of, beside its own code, and under which licences. The texts follow, each once.\n")
    for package in ordered:
        print(f"{package['name']} {package['version']}: {package['license'] or 'see its text'}"
              + (f" ({package['repository']})" if package["repository"] else ""))
        for text in own_texts(package):
            texts.setdefault(text, []).append(f"{package['name']} {package['version']}")
    for text, names in sorted(texts.items(), key=lambda item: item[1]):
        print(f"\n{'=' * 100}\n{', '.join(names)}\n{'=' * 100}\n\n{text}")


def host():
    said = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return next(line.split()[1] for line in said.splitlines() if line.startswith("host: "))


def linked(root, platform):
    """Packages of others that the crate is linked with, by id."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", platform]
    metadata = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    todo, seen = [next(key for key, package in packages.items() if package["name"] == root)], set()
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += [dep["pkg"] for dep in nodes[node]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
    own = set(metadata["workspace_members"])
    return {key: packages[key] for key in seen - own}


def own_texts(package):
    folder = pathlib.Path(package["manifest_path"]).parent
    named = [folder / package["license_file"]] if package["license_file"] else []
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower().startswith(FILES))
    for path in dict.fromkeys(named + found):
        text = path.read_text(errors="replace").strip() if path.exists() else ""
        if text and path.suffix not in (".rs", ".html"):
            yield text


if __name__ == "__main__":
    main()
