struct Params {
    rows: u32,           // rows of this dispatch
    cols: u32,           // columns, offsets and strides are in Vector
    x_first: u32,
    x_stride: u32,
    y_first: u32,
    y_stride: u32,
    mask_stride: u32,    // 0 for one mask for all rows
    first_row: u32,      // number of the first row within the operation, for CAUSAL
    queries: u32,
    seen: u32,
    parts: u32,          // workgroups that share a row
    scale: f32,
    neg_inf: f32,        // -inf, which WGSL cannot write
    mask_first: u32,
    nan: f32,            // NaN, which WGSL cannot write
    padding: u32,
    components: Index,   // 0, 1, 2, 3; 0 where WIDTH is 1
}
