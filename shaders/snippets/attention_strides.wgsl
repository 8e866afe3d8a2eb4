// From one of each to the next, in elements.
struct Strides {
    batch: u32,
    head: u32,
    row: u32,
    offset: u32,
}
