//! Faults that the header has to find: a sound kernel, and one thing wrong with it at a time.

use super::{batch, clang, folder, read};
use std::path::PathBuf;

/// A kernel of the form that naga writes; `FAULT` is where a fault is planted.
const SOUND: &str = r"
#include <metal_stdlib>
#include <simd/simd.h>
using metal::uint;
struct Params { uint rows; float scale; };
typedef metal::float4 type_3[1];
struct type_5 { half inner[64]; };
struct type_6 { metal::atomic_uint inner; };
constant uint WIDTH = 4u;
float sum(metal::float4 v, thread float& total) {
    total = metal::fma(v.x, 2.0, total);
    return metal::dot(v, metal::float4(1.0));
}
[[max_total_threads_per_threadgroup(64)]] kernel void sound(
  metal::uint3 id [[thread_position_in_grid]]
, uint lane [[thread_index_in_simdgroup]]
, constant Params& params [[buffer(0)]]
, device type_3 const& x [[buffer(1)]]
, device type_3& y [[buffer(2)]]
, threadgroup type_5& tile
, device type_6& flag [[buffer(3)]]
) {
    float total = {};
    metal::half4 h = metal::half4(1.0h, 2.0h, 3.0h, 4.0h);
    metal::float4 wide = static_cast<metal::float4>(h);
    metal::float4 loaded = x[id.x];
    metal::simdgroup_half8x8 a = {};
    metal::simdgroup_float8x8 c = {};
    simdgroup_load(a, &tile.inner[0], 8, 0, true);
    simdgroup_multiply_accumulate(c, a, a, c);
    metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
    uint bits = as_type<uint>(params.scale);
    uint old = metal::atomic_fetch_add_explicit(&flag.inner, bits, metal::memory_order_relaxed);
    y[id.x] = metal::select(loaded, wide, loaded < wide) + metal::simd_shuffle_xor(wide, 1u) * sum(wide, total);
    FAULT
}
";

/// A statement that Apple's compiler refuses, for each kind of fault that the header has to find.
const FAULTS: &[(&str, &str)] = &[
    ("an unknown function", "total = metal::cbrt(total);"),
    ("an unknown type", "metal::float5 v;"),
    (
        "an argument of another type",
        "total = metal::fma(total, total, wide);",
    ),
    (
        "min of a float and an integer",
        "total = metal::min(total, lane);",
    ),
    (
        "the bits of a float as an integer's function",
        "total = metal::popcount(total);",
    ),
    ("too few arguments", "total = metal::clamp(total, 0.0);"),
    ("half for float in a vector", "wide = h;"),
    ("a narrower vector", "metal::float2 v = wide;"),
    ("a wider vector", "wide = metal::float2(1.0, 2.0);"),
    ("too few elements", "wide = metal::float4(1.0, 2.0, 3.0);"),
    (
        "elements of another type",
        "wide = metal::float4(metal::int2(1, 2), 1.0, 2.0);",
    ),
    (
        "an element that is not there",
        "total = metal::float2(1.0, 2.0).z;",
    ),
    (
        "integers for floats",
        "wide = wide + metal::int4(1, 2, 3, 4);",
    ),
    ("signed for unsigned", "metal::uint2 v = metal::int2(1, 2);"),
    ("bits of another size", "total = as_type<float>(1.0h);"),
    (
        "a conversion that drops elements",
        "metal::float2 v = static_cast<metal::float2>(wide);",
    ),
    ("device for thread", "sum(wide, y[0].x);"),
    ("threadgroup for device", "device half* p = &tile.inner[0];"),
    (
        "device for threadgroup",
        "threadgroup metal::float4* p = &y[0];",
    ),
    ("what is constant, written", "WIDTH = 5u;"),
    ("the uniform, written", "params.rows = 1u;"),
    ("an input, written", "x[id.x] = wide;"),
    (
        "a matrix of another type, loaded",
        "simdgroup_load(c, &tile.inner[0], 8, 0, true);",
    ),
    ("a matrix for another", "c = a;"),
    ("an atomic, copied", "metal::atomic_uint copy = flag.inner;"),
    ("an atomic, read as a number", "total = flag.inner + 1u;"),
    (
        "an unknown barrier",
        "metal::threadgroup_barrier(metal::mem_flags::mem_grid);",
    ),
    ("a matrix in a sum of a group", "metal::simd_sum(c);"),
    ("a name that is not there", "total = tota;"),
];

#[test]
fn clang_refuses_planted_faults() {
    let Some(clang) = clang() else { return };
    let folder = folder("msl-faults");
    let place = |name: &str| folder.join(format!("{}.metal", name.replace(' ', "_")));
    let line = SOUND.lines().position(|line| line.contains("FAULT"));
    let mut wanted = Vec::new();
    for (name, fault) in FAULTS {
        let text = SOUND.replace("FAULT", fault);
        wanted.push((place(name), text, line.unwrap() + 1));
    }
    let sound = SOUND.replace("FAULT", "");
    let (attribute, other) = ("thread_index_in_simdgroup", "lane_of_a_warp");
    let line = sound.lines().position(|line| line.contains(attribute));
    let text = sound.replace(attribute, other);
    wanted.push((place("an unknown attribute"), text, line.unwrap() + 1));
    let files = wanted
        .iter()
        .map(|(path, text, _)| (path.clone(), text.clone()));
    let files: Vec<(PathBuf, String)> = files.chain([(place("sound"), sound.clone())]).collect();
    for (path, text) in &files {
        std::fs::write(path, text).unwrap();
    }
    let all = folder.join("all.cpp");
    batch(&all, &files);
    let found = read(&clang, &all);
    for (path, _, line) in &wanted {
        let head = format!("{}:{line}:", path.display());
        let here = found.iter().any(|complaint| complaint.starts_with(&head));
        assert!(here, "not refused: {}", path.display());
    }
    let of_sound = format!("{}:", place("sound").display());
    assert!(
        found
            .iter()
            .all(|complaint| !complaint.starts_with(&of_sound)),
        "{found:#?}"
    );
    // clang follows the flow of a file without other faults alone.
    let path = place("a result that is not given");
    std::fs::write(&path, sound.replace("kernel void", "kernel int")).unwrap();
    assert!(!read(&clang, &path).is_empty());
    assert!(read(&clang, &place("sound")).is_empty());
}
