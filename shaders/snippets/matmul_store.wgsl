fn store(place: u32, column: u32, sum: f32) {
    var value = params.alpha * sum;
    if (BETA) {
        value += params.beta * f32(c[place]);
    }
    if (BIAS) {
        value += bias[column];
    }
    c[place] = ElemC(activate(value));
}
