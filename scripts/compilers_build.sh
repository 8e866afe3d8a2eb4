#!/bin/sh
# Run by compilers.sh, as root of a copy of the folder that mesa.sh makes: builds the parts named by the arguments
# (`shims`, `panvk`) and leaves each in a folder of its name in /made.
set -eux

# What Mesa 26 was installed from, so that no package disagrees with those that are there. The headers of that kernel
# also describe Apple's GPUs, which those of Debian 13 do not yet.
sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >/etc/apt/sources.list.d/source.list
apt-get -q update
DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends -t trixie-backports \
    -o Dpkg::Options::=--force-unsafe-io gcc g++ libc6-dev meson ninja-build pkgconf libdrm-dev bison flex \
    python3-mako python3-yaml python3-packaging libexpat1-dev zlib1g-dev libzstd-dev xz-utils

# Mesa 25 of Debian 13: the mirrors list the source of the backport but do not hold it, and what Mesa 26 asks of its
# kernel in addition is little. Nobody but root reads this folder, so let root do the download.
mkdir -p /source /made
cd /source
apt-get -q source --download-only -o APT::Sandbox::User=root mesa/trixie
mkdir mesa
tar -xf mesa_*.orig.tar.xz -C mesa --strip-components=1
cd mesa

# Each program of Mesa that could be left out, is. Not optimized: the fake devices do nothing.
configure() {
    meson setup "$@" -Dplatforms= -Dgallium-drivers= -Dglx=disabled -Degl=disabled -Dgbm=disabled -Dopengl=false \
        -Dgles1=disabled -Dgles2=disabled -Dllvm=disabled -Dvalgrind=disabled -Dlibunwind=disabled \
        -Dlmsensors=disabled -Db_ndebug=true
}

build_shims() {
    # The tools of asahi and panfrost cannot be configured without their drivers: name the folders instead.
    sed -i "/^  subdir('drm-shim')/a\\
  inc_amd = include_directories('amd', 'amd/common')\\
  subdir('amd/drm-shim')\\
  subdir('asahi/drm-shim')\\
  subdir('freedreno/drm-shim')\\
  subdir('nouveau/drm-shim')\\
  subdir('panfrost/drm-shim')" src/meson.build

    # RADV 26 wants version 3.54 of its kernel driver.
    sed -i 's/version_minor = 49/version_minor = 60/' src/amd/drm-shim/amdgpu_noop_drm_shim.c

    # Turnip 26 binds memory by request 13. Adreno 830, X1-85 (counted as 685) and 690 are not in Mesa 25's list.
    sed -i -e 's/^   \[DRM_MSM_SUBMITQUEUE_QUERY\].*/&\n   [13] = msm_ioctl_noop,/' \
        -e "s/^static const struct msm_device_info device_infos\[\] = {/&\n   { 830, 0x44050001, 12 << 20 },\\
   { 685, 0x43050c01, 3 << 20 }, { 690, 0x06090000, 4 << 20 },/" \
        src/freedreno/drm-shim/freedreno_noop.c

    # Ada and Blackwell differ from Ampere by the numbers of their classes.
    classes() {
        printf 's/= %s;/= device_info.chip_id >= 0x1b0 ? %s : device_info.chip_id >= 0x190 ? %s : %s;/' \
            "$1" "$2" "$3" "$1"
    }
    sed -i -e 's/^ *case 0x170:/case 0x1b0: case 0x190:\n&/' \
        -e "$(classes AMPERE_DMA_COPY_A 0xcab5 AMPERE_DMA_COPY_A)" \
        -e "$(classes GA102_3D_CLASS 0xce97 0xc997)" \
        -e "$(classes GA102_COMPUTE_CLASS 0xcec0 0xc9c0)" src/nouveau/drm-shim/nouveau_noop.c

    # Mesa 25's fake Apple GPU is for an interface that Linux never took. Keep what it does about memory, which is the
    # same in both (it ends before asahi_ioctl_get_param), and write the rest for the interface of Linux 6.16.
    sed 's,"drm.h","drm-uapi/drm.h",' /usr/include/drm/asahi_drm.h >include/drm-uapi/asahi_drm.h
    noop=src/asahi/drm-shim/asahi_noop.c
    sed -i -e 's,^#include ".*asahi_drm.h",#include "drm-uapi/asahi_drm.h",' \
        -e '/^static const struct drm_asahi_params_global/,/^};/d' \
        -e 's/^asahi_ioctl_get_param(.*/&;/' -e '/^asahi_ioctl_get_param(/q' $noop
    cat >>$noop <<'END'

static int
get_parameters(int fd, unsigned long request, void *arg)
{
   const char *chip = getenv("ASAHI_CHIP");
   bool m2 = chip && !strcmp(chip, "m2");
   struct drm_asahi_params_global parameters = {
      .gpu_generation = m2 ? 14 : 13,
      .gpu_variant = 'G',
      .gpu_revision = m2 ? 0x10 : 0x11,
      .chip_id = m2 ? 0x8112 : 0x8103,
      .num_dies = 1,
      .num_clusters_total = 1,
      .num_cores_per_cluster = 8,
      .core_masks = {0xff},
      .max_frequency_khz = 1278000,
      .vm_start = 16 << 20,
      .vm_end = 1ull << 40,
      .vm_kernel_min_size = 512 << 20,
      .max_commands_per_submission = 64,
      .max_attachments = 16,
      .command_timestamp_frequency_hz = 1000000000,
   };
   struct drm_asahi_get_params *get = arg;

   if (get->size > sizeof(parameters))
      get->size = sizeof(parameters);
   memcpy((void *)(uintptr_t)get->pointer, &parameters, get->size);
   return 0;
}

static int
vm_create(int fd, unsigned long request, void *arg)
{
   ((struct drm_asahi_vm_create *)arg)->vm_id = 1;
   return 0;
}

static int
bind_object(int fd, unsigned long request, void *arg)
{
   static uint32_t last;
   ((struct drm_asahi_gem_bind_object *)arg)->object_handle = ++last;
   return 0;
}

static int
queue_create(int fd, unsigned long request, void *arg)
{
   static uint32_t last;
   ((struct drm_asahi_queue_create *)arg)->queue_id = ++last;
   return 0;
}

static ioctl_fn_t requests[] = {
   [DRM_ASAHI_GET_PARAMS] = get_parameters,
   [DRM_ASAHI_GET_TIME] = asahi_ioctl_noop,
   [DRM_ASAHI_VM_CREATE] = vm_create,
   [DRM_ASAHI_VM_DESTROY] = asahi_ioctl_noop,
   [DRM_ASAHI_VM_BIND] = asahi_ioctl_noop,
   [DRM_ASAHI_GEM_CREATE] = asahi_ioctl_gem_create,
   [DRM_ASAHI_GEM_MMAP_OFFSET] = asahi_ioctl_gem_mmap_offset,
   [DRM_ASAHI_GEM_BIND_OBJECT] = bind_object,
   [DRM_ASAHI_QUEUE_CREATE] = queue_create,
   [DRM_ASAHI_QUEUE_DESTROY] = asahi_ioctl_noop,
   [DRM_ASAHI_SUBMIT] = asahi_ioctl_noop,
};

void
drm_shim_driver_init(void)
{
   shim_device.bus_type = DRM_BUS_PLATFORM;
   shim_device.driver_name = "asahi";
   shim_device.driver_ioctls = requests;
   shim_device.driver_ioctl_count = ARRAY_SIZE(requests);

   drm_shim_override_file("DRIVER=asahi\nOF_FULLNAME=/soc/agx\nOF_COMPATIBLE_0=apple,gpu-g13g\nOF_COMPATIBLE_N=1\n",
                          "/sys/dev/char/%d:%d/device/uevent", DRM_MAJOR, render_node_minor);
}
END

    configure build -Dbuildtype=plain -Doptimization=0 -Dtools=drm-shim,intel -Dvulkan-drivers=
    shims=src/intel/tools/libintel_noop_drm_shim.so
    for folder in amd:amdgpu asahi:asahi freedreno:freedreno nouveau:nouveau panfrost:panfrost; do
        shims="$shims src/${folder%:*}/drm-shim/lib${folder#*:}_noop_drm_shim.so"
    done
    # shellcheck disable=SC2086  # a list of files without spaces
    ninja -C build $shims
    mkdir -p /made/shims/mesa-25
    # shellcheck disable=SC2086
    (cd build && cp $shims /made/shims/)

    # Mesa 25's own driver of AMD's GPUs, and its LLVM if Mesa 26 has come to another one.
    cd /source
    packages=mesa-vulkan-drivers/trixie
    [ -e /usr/lib/x86_64-linux-gnu/libLLVM.so.19.1 ] || packages="$packages libllvm19/trixie"
    # shellcheck disable=SC2086
    apt-get -q download -o APT::Sandbox::User=root $packages
    for package in *.deb; do
        dpkg-deb -x "$package" unpacked
    done
    find unpacked \( -name libvulkan_radeon.so -o -name 'libLLVM.so.19*' \) -exec mv {} /made/shims/mesa-25/ \;
    cd mesa
}

build_panvk() {
    configure build-panvk -Dbuildtype=release -Dtools= -Dvulkan-drivers=panfrost
    ninja -C build-panvk src/panfrost/vulkan/libvulkan_panfrost.so
    mkdir -p /made/panvk
    cp build-panvk/src/panfrost/vulkan/libvulkan_panfrost.so /made/panvk/
}

# panvk first: the fake devices change the source.
for part in panvk shims; do
    case " $* " in
        *" $part "*) "build_$part" ;;
    esac
done
