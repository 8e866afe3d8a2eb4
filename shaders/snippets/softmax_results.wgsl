// The factor of a row's results. If a row has nothing but -inf, its sum is 0 and its results are 0 (-inf as logarithms). If
// it has +inf, its results are NaN, also on adapters where exp(NaN) is a number.
fn inverse(sum: f32, row_max: f32) -> f32 {
    if (row_max > -NEG_LARGE) {
        return params.nan;
    }
    return select(1.0 / sum, 0.0, sum == 0.0);
}

fn log_of_sum(sum: f32, row_max: f32) -> f32 {
    if (row_max > -NEG_LARGE) {
        return params.nan;
    }
    return select(log(sum), 0.0, sum == 0.0);
}
