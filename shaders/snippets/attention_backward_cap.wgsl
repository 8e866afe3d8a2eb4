var score = product * params.scale;
var slope = vec4<f32>(1.0);
if (SOFT_CAP) {
    // tanh(x) = (1 - e) / (1 + e) and its slope 4 e / (1 + e)^2 with e = exp(-2 |x|).
    let x = score / params.soft_cap;
    let e = exp(-2.0 * abs(x));
    let reciprocal = 1.0 / (1.0 + e);
    score = params.soft_cap * sign(x) * ((1.0 - e) * reciprocal);
    slope = 4.0 * e * reciprocal * reciprocal;
}
