for (var first = 0u; first < SUMS; first += ROUND) {
    for (var r = 0u; r < ROUND; r++) {
        partial[r][local_index] = sum[(first + r) / ELEMS_N][(first + r) % ELEMS_N];
    }
    if (PARTS < LANES_K) {
        workgroupBarrier();
        if (lane_k < PARTS) {
            for (var r = 0u; r < ROUND; r++) {
                var value = 0.0;
                for (var l = 0u; l < LANES_K; l += PARTS) {
                    value += partial[r][local_index + l];
                }
                partial[r][local_index] = value;
            }
        }
    }
    workgroupBarrier();
    for (var place = local_index; place < ROUND * LANES_N; place += WORKGROUP) {
        let at = first + place / LANES_N;
        let row = first_row + at / ELEMS_N;
        let column = first_column + place % LANES_N + at % ELEMS_N * LANES_N;
        if (row < rows && column < params.n) {
            var value = 0.0;
            for (var l = 0u; l < PARTS; l++) {
                value += partial[place / LANES_N][place % LANES_N * LANES_K + l];
            }
            store(matrix, row, column, value);
        }
    }
    workgroupBarrier();
}
