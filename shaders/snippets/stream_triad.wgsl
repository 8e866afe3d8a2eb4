values[j] = Wide(a[i]) + params.alpha * Wide(b[i]);
