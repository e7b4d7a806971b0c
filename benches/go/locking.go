// The rows of sync: what it costs to lock, alone and against others.
package main

import (
	"sync"
	"time"
)

func mutexAlone(turns int) time.Duration {
	var mu sync.Mutex
	count := 0
	start := time.Now()
	for range turns {
		mu.Lock()
		count++
		mu.Unlock()
	}
	elapsed := time.Since(start)
	check(count == turns)
	return elapsed
}

// together runs turn so often in all, in so many goroutines.
func together(turns, workers int, turn func(n int)) time.Duration {
	var wg sync.WaitGroup
	start := time.Now()
	for number := range workers {
		wg.Go(func() {
			for n := range share(turns, workers, number) {
				turn(n)
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

func mutexEight(turns int) time.Duration {
	var mu sync.Mutex
	count := 0
	elapsed := together(turns, 8, func(int) {
		mu.Lock()
		count++
		mu.Unlock()
	})
	check(count == turns)
	return elapsed
}

func rwlockReadMostly(turns int) time.Duration {
	var mu sync.RWMutex
	count := 0
	elapsed := together(turns, 8, func(n int) {
		if n%100 == 0 {
			mu.Lock()
			count++
			mu.Unlock()
		} else {
			mu.RLock()
			check(count <= turns)
			mu.RUnlock()
		}
	})
	writes := 0
	for number := range 8 {
		writes += (share(turns, 8, number) + 99) / 100
	}
	check(count == writes)
	return elapsed
}

// semaphoreEight passes a channel used as a semaphore, the idiom of the language: x/sync's is not in
// the standard library, and slower.
func semaphoreEight(turns int) time.Duration {
	permits := make(chan struct{}, 2)
	elapsed := together(turns, 8, func(int) {
		permits <- struct{}{}
		<-permits
	})
	check(len(permits) == 0)
	return elapsed
}

func waitgroup(turns int) time.Duration {
	var wg sync.WaitGroup
	start := time.Now()
	for range turns {
		wg.Add(1)
		go func() { wg.Done() }()
		wg.Wait()
	}
	return time.Since(start)
}

var onceOf sync.Once

func once(turns int) time.Duration {
	onceOf = sync.Once{}
	calls := 0
	start := time.Now()
	for range turns {
		onceOf.Do(func() { calls++ })
	}
	elapsed := time.Since(start)
	check(calls == 1)
	return elapsed
}
