// A Vector in the type of the buffers. Nothing is computed here, so that nothing waits for the load.
fn fetch(row: u32, col: u32) -> Vector {
    if (IN_PLACE) {
        return y[params.y_first + row * params.y_stride + col];
    }
    return x[params.x_first + row * params.x_stride + col];
}

fn store(row: u32, col: u32, first: Wide, last: Wide) {
    let place = params.y_first + row * params.y_stride + col;
    if (HALVES == 1u) {
        y[place] = Vector(first);
    } else {
        y[place] = Vector(vec4<u32>(
            pack2x16float(first.xy), pack2x16float(first.zw), pack2x16float(last.xy), pack2x16float(last.zw)));
    }
}
