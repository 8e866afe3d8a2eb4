// Elements from one sequence, head or row to the next, and before the first one.
struct Strides {
    batch: u32,
    head: u32,
    row: u32,
    offset: u32,
}
