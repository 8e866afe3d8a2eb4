fn widen(fetched: Vector, half: u32) -> Wide {
    if (HALVES == 1u) {
        return Wide(fetched);
    }
    let bits = vec4<u32>(fetched);
    return Wide(unpack2x16float(bits[2u * half]), unpack2x16float(bits[2u * half + 1u]));
}

fn value_of(fetched: Vector, half: u32, row: u32, col: u32) -> Wide {
    var value = widen(fetched, half);
    if (SCALED) {
        value = value * params.scale;
    }
    if (MASK) {
        value = value + widen(mask[params.mask_first + row * params.mask_stride + col], half);
    }
    if (CAUSAL) {
        let place = Index(col * WIDTH + half * 4u) + params.components;
        value = select(Wide(params.neg_inf), value, place < Index(horizon(row)));
    }
    return value;
}
