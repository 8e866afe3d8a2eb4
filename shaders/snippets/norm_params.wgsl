struct Params {
    rows: u32,       // of this dispatch
    cols: u32,       // here and below, sizes and places are in Wide
    x_first: u32,
    x_stride: u32,
    y_first: u32,
    y_stride: u32,
    share: f32,      // 1 / columns
    epsilon: f32,
    parts: u32,      // workgroups that share a row
}
