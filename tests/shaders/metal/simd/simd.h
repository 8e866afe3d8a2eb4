// Part of Metal's SDK that naga's MSL includes: vectors by their bare names. naga uses them for bounds of loops (uint2), for
// packing and unpacking f16 (half2), and for dot products of bytes.
#pragma once

#define BARE(T) \
    using metal::T##2; \
    using metal::T##3; \
    using metal::T##4; \
    using metal::make_##T##2; \
    using metal::make_##T##3; \
    using metal::make_##T##4;
BARE(char)
BARE(uchar)
BARE(short)
BARE(ushort)
BARE(int)
BARE(uint)
BARE(half)
BARE(float)
#undef BARE
using metal::packed_char4;
using metal::packed_uchar4;
