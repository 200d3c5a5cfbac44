# Shared by the scripts of this folder; source it, do not run it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Debian packages that the build needs. The protobuf compiler is only for the check that generated files match proto/.
packages=(libzmq3-dev libopenblas-dev libdnnl-dev libprotobuf-c-dev protobuf-c-compiler libturbojpeg0-dev libspng-dev zlib1g-dev pkg-config)
# What test hosts need besides: namespaces, packet filters, ssh between them.
host_packages=(iproute2 nftables iputils-ping openssh-server openssh-client)

# Settings that matrix libraries read when they load: no forced kernel, no pool that spins on the neighbours' cores.
unset OPENBLAS_CORETYPE
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

install_packages() {
    local missing=()
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    say "installing ${missing[*]}"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# One configuration for the program and its tests, so that nothing is built twice.
build_flags=(-c release -Xswiftc -enable-testing)

build() {
    say "building (the first time takes some minutes)"
    (cd "$root" && swift build "${build_flags[@]}" "$@" >&2)
    medmoe="$(cd "$root" && swift build "${build_flags[@]}" --show-bin-path)/medmoe"
}
