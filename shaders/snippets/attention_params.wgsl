batch: u32,
heads: u32,           // heads of Q and O
group: u32,           // query heads per key head
seq_q: u32,
seq_kv: u32,
head_dim: u32,
value_dim: u32,
ahead: i32,           // a query at p sees keys before p + ahead
behind: i32,          // a query at p sees keys after p - behind
scale: f32,           // factor of Q K^T
soft_cap: f32,        // 0: no cap
first: u32,           // first unit of work of this dispatch
q: Strides,
k: Strides,
v: Strides,
o: Strides,
bias: Strides,
page_size: u32,
pages: u32,
table_row: u32,       // pages per sequence
neg_inf: f32,         // -inf, which WGSL cannot write
