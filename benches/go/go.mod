module sudog-bench

go 1.27
