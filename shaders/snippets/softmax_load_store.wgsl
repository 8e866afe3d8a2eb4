fn load(row: u32, col: u32) -> Wide {
    var value: Wide;
    if (IN_PLACE) {
        value = Wide(y[params.y_first + row * params.y_stride + col]);
    } else {
        value = Wide(x[params.x_first + row * params.x_stride + col]);
    }
    if (SCALED) {
        value = value * params.scale;
    }
    if (MASK) {
        value = value + Wide(mask[params.mask_first + row * params.mask_stride + col]);
    }
    if (CAUSAL) {
        value = select(Wide(params.neg_inf), value, Index(col * WIDTH) + params.components < Index(horizon(row)));
    }
    return value;
}

fn store(row: u32, col: u32, value: Wide) {
    y[params.y_first + row * params.y_stride + col] = Vector(value);
}
