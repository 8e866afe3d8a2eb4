// soft_cap * tanh(s / soft_cap), with tanh(x) = sign(x) (1 - e) / (1 + e) and e = exp(-2 |x|), which cannot overflow.
fn capped(s: Capped) -> Capped {
    let e = exp(abs(s) * (-2.0 / params.soft_cap));
    return params.soft_cap * sign(s) * ((1.0 - e) / (1.0 + e));
}
