// LAYER subtracts the row's first element from all: sums are then of the size of the spread, and not of the mean. The unit of the
// differences is PIVOT_UNIT, so that those of an invocation add up within f32 even where a driver multiplies by a power of two
// after the sum.
const PIVOT_UNIT: f32 = 0x1p-7;

fn pivot_of(first: Wide) -> f32 {
    return PIVOT_UNIT * vec4<f32>(first).x;
}

fn shifted(value: Wide, pivot: f32) -> Wide {
    if (LAYER) {
        return PIVOT_UNIT * value - pivot;
    }
    return value;
}
