fn store(matrix: u32, row: u32, column: u32, sum: f32) {
    let place = params.c_first + matrix * params.c_batch + row * params.c_row + column;
    var value = params.alpha * sum;
    if (BETA) {
        value += params.beta * f32(c[place]);
    }
    if (BIAS) {
        value += bias[column];
    }
    c[place] = ElemC(activate(value));
}
