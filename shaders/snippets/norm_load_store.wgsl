fn load(row: u32, col: u32) -> Wide {
    if (IN_PLACE) {
        return Wide(y[params.y_first + row * params.y_stride + col]);
    }
    return Wide(x[params.x_first + row * params.x_stride + col]);
}

fn store(row: u32, col: u32, normal: Wide) {
    var value = normal;
    if (WEIGHT) {
        value = value * Wide(weight[col]);
    }
    if (BIAS) {
        value = value + Wide(bias[col]);
    }
    y[params.y_first + row * params.y_stride + col] = Vector(value);
}
