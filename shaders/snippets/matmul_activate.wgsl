// Arguments of `exp` are at most 80, so that its results stay below the largest f32.
fn activate(x: Value) -> Value {
    if (ACTIVATION == 1u) {
        return max(x, Value(0.0));
    }
    if (ACTIVATION == 2u) {
        // gelu by tanh, with tanh(u) = 1 - 2 / (1 + exp(2 u)) (Hendrycks and Gimpel 2016)
        return x / (1.0 + exp(min(-1.5957691216 * (x + 0.044715 * x * x * x), Value(80.0))));
    }
    if (ACTIVATION == 3u) {
        return x / (1.0 + exp(min(-x, Value(80.0))));
    }
    return x;
}
