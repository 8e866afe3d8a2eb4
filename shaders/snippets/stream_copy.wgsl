values[j] = a[i];
