// A row that sees no key has a sum of 0 and gives zeros. So does a row past the sequence's queries.
let sees_none = row >= rows || sum == 0.0;
let factor = 1.0 / select(sum, 1.0, sees_none);
if (KV_PER_DISPATCH > 0u && row < written) {
    let kept_row = kept_base + row * KEPT_ROW;
    for (var j = 0u; j < ELEMS_D4; j++) {
        let d4 = j * WORKGROUP_KV + local_kv;
        if (d4 < VALUE_D4) {
            for (var c = 0u; c < 4u; c++) {
                lse[kept_row + 4u * d4 + c] = o_part[i][j][c];
            }
        }
    }
    if (local_kv == 0u) {
        lse[kept_row + VALUE_DIM] = row_max[i];
        lse[kept_row + VALUE_DIM + 1u] = sum;
    }
} else if (row < written) {
    for (var j = 0u; j < ELEMS_D4; j++) {
        let d4 = j * WORKGROUP_KV + local_kv;
        if (d4 < VALUE_D4) {
            o[o_base + row * (params.o.row / 4u) + d4] = Elem4(select(o_part[i][j] * factor, vec4<f32>(), sees_none));
        }
    }
    if (LSE && local_kv == 0u) {
        let place_of_row = plane * params.seq_q + first_query + row;
        let found = row_max[i] * TO_NATURAL + log2(sum) * LN_2;
        lse[place_of_row] = select(found, params.neg_inf, sees_none);
    }
}
