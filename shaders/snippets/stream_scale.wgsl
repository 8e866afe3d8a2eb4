values[j] = params.alpha * Wide(a[i]);
