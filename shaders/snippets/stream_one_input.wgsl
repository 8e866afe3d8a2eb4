@group(0) @binding(1) var<storage, read> a: array<Vector>;         // [elements]
@group(0) @binding(2) var<storage, read_write> c: array<Vector>;   // [elements]
