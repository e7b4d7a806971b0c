// The programs of ../programs/*.rs in Go, in the same order. What a row
// measures is said there; here stands only what differs.
//
// Go has no join. Where a goroutine's result is wanted it comes over a
// channel, and of the idioms for that (a channel or a WaitGroup, new for each
// goroutine or shared, buffered or not, wg.Go or wg.Add) each row has the one
// that measured fastest here, or the plainer one where they did not differ.
package main

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// share spreads total turns over workers: the share of the worker with this number.
func share(total, workers, number int) int {
	if number < total%workers {
		return total/workers + 1
	}
	return total / workers
}

func check(ok bool) {
	if !ok {
		panic("wrong answer")
	}
}

func yieldTwo(turns int) time.Duration {
	var wg sync.WaitGroup
	wg.Add(2)
	start := time.Now()
	for number := range 2 {
		go func() {
			for range share(turns, 2, number) {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return time.Since(start)
}

func pingPong(turns int) time.Duration {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for value := range ping {
			pong <- value
		}
	}()
	start := time.Now()
	for value := range turns {
		ping <- value
		check(<-pong == value)
	}
	elapsed := time.Since(start)
	close(ping)
	return elapsed
}

const ringSize = 503

func ring(turns int) time.Duration {
	done := make(chan int)
	inject := make(chan int)
	in := inject
	for range ringSize - 1 {
		out := make(chan int)
		go pass(in, out, done)
		in = out
	}
	go pass(in, inject, done)

	start := time.Now()
	inject <- turns - 1
	check(<-done == 0)
	return time.Since(start)
}

// pass is one member of the ring. Each closes the channel it sends on when it
// leaves; a close takes the place of the dropped sender.
func pass(in <-chan int, out, done chan<- int) {
	defer close(out)
	for hopsLeft := range in {
		if hopsLeft == 0 {
			done <- hopsLeft
			return
		}
		out <- hopsLeft - 1
	}
}

func oneToOne(turns, capacity int) time.Duration {
	values := make(chan int, capacity)
	start := time.Now()
	go func() {
		produce(values, turns)
		close(values)
	}()
	sum := 0
	for value := range values {
		sum += value
	}
	elapsed := time.Since(start)
	check(sum == sumBelow(turns))
	return elapsed
}

func eightToEight(turns, capacity int) time.Duration {
	const side = 8
	values := make(chan int, capacity)
	var producers, consumers sync.WaitGroup
	var sums [side]int
	start := time.Now()
	for number := range side {
		producers.Go(func() { produce(values, share(turns, side, number)) })
	}
	for number := range side {
		consumers.Go(func() {
			sum := 0
			for value := range values {
				sum += value
			}
			sums[number] = sum
		})
	}
	producers.Wait()
	close(values)
	consumers.Wait()
	elapsed := time.Since(start)
	sum := 0
	for number := range side {
		sum += sums[number] - sumBelow(share(turns, side, number))
	}
	check(sum == 0)
	return elapsed
}

func produce(values chan<- int, messages int) {
	for value := range messages {
		values <- value
	}
}

// sumBelow is 0 + 1 + .. + (n - 1).
func sumBelow(n int) int { return n * (n - 1) / 2 }

const (
	sievePrimes = 2000
	sieveLimit  = 17389 // the 2000th prime
)

func sieve(turns int) time.Duration {
	start := time.Now()
	for range turns {
		count, last := sieveOnce()
		check(count == sievePrimes && last == sieveLimit)
	}
	return time.Since(start)
}

func sieveOnce() (count, last int) {
	numbers := make(chan int)
	go generate(numbers)
	for {
		prime, ok := <-numbers
		if !ok {
			return count, last
		}
		count, last = count+1, prime
		survivors := make(chan int)
		go filter(numbers, survivors, prime)
		numbers = survivors
	}
}

func generate(numbers chan<- int) {
	for number := 2; number <= sieveLimit; number++ {
		numbers <- number
	}
	close(numbers)
}

func filter(numbers <-chan int, survivors chan<- int, prime int) {
	for number := range numbers {
		if number%prime != 0 {
			survivors <- number
		}
	}
	close(survivors)
}

const batch = 1_000_000

func spawnWait(turns int) time.Duration {
	start := time.Now()
	for range turns {
		spawned(batch)
	}
	return time.Since(start)
}

func spawnJoin(turns int) time.Duration {
	start := time.Now()
	result := make(chan int)
	for number := range turns {
		go func() { result <- number }()
		check(<-result == number)
	}
	return time.Since(start)
}

const (
	skynetLeaves   = 1_000_000
	skynetChildren = 10
)

func skynet(turns int) time.Duration {
	start := time.Now()
	for range turns {
		result := make(chan int)
		go skynetNode(result, 0, skynetLeaves)
		check(<-result == sumBelow(skynetLeaves))
	}
	return time.Since(start)
}

func skynetNode(report chan<- int, first, leaves int) {
	if leaves == 1 {
		report <- first
		return
	}
	results := make(chan int)
	share := leaves / skynetChildren
	for child := range skynetChildren {
		go skynetNode(results, first+child*share, share)
	}
	sum := 0
	for range skynetChildren {
		sum += <-results
	}
	report <- sum
}

const (
	fibOf    = 20
	fibForks = 10_945
)

func fib(turns int) time.Duration {
	start := time.Now()
	for range turns {
		check(fibForked(fibOf) == 6765)
	}
	return time.Since(start)
}

func fibForked(n int) int {
	if n < 2 {
		return n
	}
	forked := make(chan int, 1)
	go func() { forked <- fibForked(n - 1) }()
	own := fibForked(n - 2)
	return <-forked + own
}

const chainLevels = 20

func forkChain(turns int) time.Duration {
	start := time.Now()
	for range turns {
		check(chainBelow(chainLevels) == chainLevels)
	}
	return time.Since(start)
}

// chainBelow is the number of goroutines forked beneath this one.
func chainBelow(levels int) int {
	if levels == 0 {
		return 0
	}
	forked := make(chan int, 1)
	go func() { forked <- chainBelow(levels - 1) }()
	return 1 + <-forked
}

func spawned(goroutines int) {
	var wg sync.WaitGroup
	wg.Add(goroutines)
	for range goroutines {
		go func() { wg.Done() }()
	}
	wg.Wait()
}

func parked(goroutines int) {
	var started, ended sync.WaitGroup
	started.Add(goroutines)
	ended.Add(goroutines)
	release := make(chan struct{})
	for range goroutines {
		go func() {
			started.Done()
			<-release
			ended.Done()
		}()
	}
	started.Wait()
	close(release)
	ended.Wait()
}

func selectFour(turns int) time.Duration {
	var ends [4]chan int
	for number := range ends {
		ends[number] = make(chan int)
		out := ends[number]
		n := share(turns, 4, number)
		go func() {
			defer close(out)
			for range n {
				out <- 1
			}
		}()
	}
	a, b, c, d := ends[0], ends[1], ends[2], ends[3]
	start := time.Now()
	sum := 0
	count := func(n int, ok bool, end *chan int) {
		if ok {
			sum += n
		} else {
			*end = nil
		}
	}
	for sum < turns {
		select {
		case n, ok := <-a:
			count(n, ok, &a)
		case n, ok := <-b:
			count(n, ok, &b)
		case n, ok := <-c:
			count(n, ok, &c)
		case n, ok := <-d:
			count(n, ok, &d)
		}
	}
	return time.Since(start)
}

func selectDefault(turns int) time.Duration {
	in := make(chan int)
	start := time.Now()
	looks := 0
	for range turns {
		select {
		case <-in:
			panic("a value")
		default:
			looks++
		}
	}
	elapsed := time.Since(start)
	check(looks == turns)
	return elapsed
}

func selectDefaultTwo(turns int) time.Duration {
	in1, in2 := make(chan int), make(chan int)
	start := time.Now()
	looks := 0
	for range turns {
		select {
		case <-in1:
			panic("a value")
		case <-in2:
			panic("a value")
		default:
			looks++
		}
	}
	elapsed := time.Since(start)
	check(looks == turns)
	return elapsed
}

func selectReady(turns int) time.Duration {
	ch1, ch2 := make(chan int, 1), make(chan int, 1)
	start := time.Now()
	sum := 0
	for range turns {
		ch1 <- 1
		select {
		case n := <-ch1:
			sum += n
		case <-ch2:
			panic("a value")
		}
	}
	elapsed := time.Since(start)
	check(sum == turns)
	return elapsed
}

func timerNewStop(turns int) time.Duration {
	start := time.Now()
	for range turns {
		check(time.NewTimer(time.Second).Stop())
	}
	return time.Since(start)
}

func timerFuncStop(turns int) time.Duration {
	start := time.Now()
	for range turns {
		check(time.AfterFunc(time.Hour, func() { panic("an hour has passed") }).Stop())
	}
	return time.Since(start)
}

const sleeperCount = 100_000

func sleepers(turns int) time.Duration {
	var sum time.Duration
	for range turns {
		late, _ := sleepersOnce()
		sum += late
	}
	return sum
}

func sleepersCPU(turns int) time.Duration {
	var sum time.Duration
	for range turns {
		_, cpu := sleepersOnce()
		sum += cpu
	}
	return sum
}

func sleepersOnce() (late99, cpu time.Duration) {
	late := make([]time.Duration, sleeperCount)
	begin := cpuTime()
	var wg sync.WaitGroup
	wg.Add(sleeperCount)
	for number := range sleeperCount {
		go func() {
			length := time.Duration(number*2_654_435_761%1_000_003) * time.Microsecond
			start := time.Now()
			time.Sleep(length)
			late[number] = time.Since(start) - length
			wg.Done()
		}()
	}
	wg.Wait()
	cpu = cpuTime() - begin
	slices.Sort(late)
	return late[len(late)*99/100], cpu
}
