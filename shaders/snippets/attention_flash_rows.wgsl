let o_base = (params.o.offset + batch * params.o.batch + head * params.o.head + first_query * params.o.row) / 4u;
let bias_base = batch * params.bias.batch + head * params.bias.head + first_query * params.bias.row;
// A row's maximum and sum begin with the sink.
var least = NEG_LARGE;
var least_sum = 0.0;
if (SINKS && there) {
    least = max(sinks[head], NEG_LARGE);
    least_sum = exp2((sinks[head] - least) * TO_LOG2);
}
