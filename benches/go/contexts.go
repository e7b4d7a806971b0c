// The rows of context: what it costs to make contexts and to end them.
package main

import (
	"context"
	"time"
)

const (
	contextTreeSize     = 10_000
	contextTreeChildren = 10
)

type contextNode struct {
	ctx    context.Context
	cancel context.CancelFunc
}

func contextTree(turns int) time.Duration {
	start := time.Now()
	for range turns {
		tree := make([]contextNode, 0, contextTreeSize)
		ctx, cancel := context.WithCancel(context.Background())
		tree = append(tree, contextNode{ctx, cancel})
		for n := 1; n < contextTreeSize; n++ {
			parent := tree[(n-1)/contextTreeChildren].ctx
			ctx, cancel := context.WithCancel(parent)
			tree = append(tree, contextNode{ctx, cancel})
		}
		tree[0].cancel()
		check(tree[contextTreeSize-1].ctx.Err() != nil)
	}
	return time.Since(start)
}

func contextChurn(turns int) time.Duration {
	parent, cancelParent := context.WithCancel(context.Background())
	start := time.Now()
	for range turns {
		child, cancel := context.WithCancel(parent)
		cancel()
		check(child.Err() != nil)
	}
	elapsed := time.Since(start)
	cancelParent()
	return elapsed
}
