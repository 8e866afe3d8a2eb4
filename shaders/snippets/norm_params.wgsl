struct Params {
    rows: u32,       // rows of this dispatch
    cols: u32,       // columns, offsets and strides are in Wide
    x_first: u32,
    x_stride: u32,
    y_first: u32,
    y_stride: u32,
    share: f32,      // 1 / columns
    epsilon: f32,    // in the unit of the values, which is PIVOT_UNIT with LAYER
    root: f32,       // the root of `epsilon`
    parts: u32,      // workgroups that share a row
}
