// The Go side of the comparison: the programs of programs.go behind the same
// command line as the Rust side's, so that ../versus.rs can drive either.
//
//	bench list             the rows and the operations in one turn of each
//	bench run NAME TURNS   one warmed-up measurement, nanoseconds per operation
//	bench million N        what N waiting goroutines cost, in time and memory
//	bench memory NAME N    peak resident memory with N goroutines, bytes for each
//	bench serve go         an echo server, for ../echo.rs; prints its address
//
// Nothing about the runtime is tuned: default garbage collector, no flags but
// GOMAXPROCS from the environment.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// row is a program to time. versus.rs refuses to run when name or per differ
// from its own table.
type row struct {
	name string
	per  int // operations in one turn
	run  func(turns int) time.Duration
}

var rows = []row{
	{"yield", 1, yieldTwo},
	{"ping_pong", 1, pingPong},
	{"one_to_one", 1, func(turns int) time.Duration { return oneToOne(turns, 0) }},
	{"one_to_one_128", 1, func(turns int) time.Duration { return oneToOne(turns, 128) }},
	{"eight_to_eight", 1, func(turns int) time.Duration { return eightToEight(turns, 0) }},
	{"eight_to_eight_128", 1, func(turns int) time.Duration { return eightToEight(turns, 128) }},
	{"ring", 1, ring},
	{"sieve", sievePrimes, sieve},
	{"spawn_wait", batch, spawnWait},
	{"spawn_join", 1, spawnJoin},
	{"skynet", skynetLeaves, skynet},
	{"fib", fibForks, fib},
	{"fork_chain", 1, forkChain},
	{"select_four", 1, selectFour},
	{"select_default", 1, selectDefault},
	{"select_default_two", 1, selectDefaultTwo},
	{"select_ready", 1, selectReady},
	{"timer_new_stop", 1, timerNewStop},
	{"timer_func_stop", 1, timerFuncStop},
	{"sleepers", 1, sleepers},
	{"sleepers_cpu", sleeperCount, sleepersCPU},
	{"mutex_alone", 1, mutexAlone},
	{"mutex_eight", 1, mutexEight},
	{"rwlock_read_mostly", 1, rwlockReadMostly},
	{"semaphore_eight", 1, semaphoreEight},
	{"waitgroup", 1, waitgroup},
	{"once", 1, once},
	{"context_tree", contextTreeSize, contextTree},
	{"context_churn", 1, contextChurn},
}

// memoryRow is a program whose peak memory is measured.
type memoryRow struct {
	name string
	run  func(goroutines int)
}

var memoryRows = []memoryRow{
	{"spawned", spawned},
	{"parked", parked},
}

func main() {
	switch args := os.Args[1:]; {
	case len(args) == 1 && args[0] == "list":
		list()
	case len(args) == 3 && args[0] == "run":
		run(args[1], count(args[2]))
	case len(args) == 3 && args[0] == "memory":
		memory(args[1], count(args[2]))
	case len(args) == 2 && args[0] == "million":
		million(count(args[1]))
	case len(args) == 2 && args[0] == "serve":
		serve()
	default:
		fail("usage: bench list | run NAME TURNS | memory NAME N | million N | serve go")
	}
}

func list() {
	for _, row := range rows {
		fmt.Println("run", row.name, row.per)
	}
	for _, row := range memoryRows {
		fmt.Println("memory", row.name, 1)
	}
}

func run(name string, turns int) {
	for _, row := range rows {
		if row.name == name {
			row.run(max(turns/10, 1))
			elapsed := row.run(turns)
			fmt.Printf("%.2f\n", float64(elapsed.Nanoseconds())/float64(turns*row.per))
			return
		}
	}
	fail("no row " + name)
}

func memory(name string, goroutines int) {
	for _, row := range memoryRows {
		if row.name == name {
			row.run(goroutines)
			fmt.Printf("%.2f\n", float64(peakRSS())/float64(goroutines))
			return
		}
	}
	fail("no memory row " + name)
}

// cpuTime is the processor time that this process has used so far.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err.Error())
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakRSS is the most memory this process ever had resident, in bytes.
func peakRSS() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err.Error())
	}
	if runtime.GOOS == "darwin" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) * 1024
}

func count(argument string) int {
	n, err := strconv.Atoi(argument)
	if err != nil || n <= 0 {
		fail("not a number over 0: " + argument)
	}
	return n
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "bench:", message)
	os.Exit(1)
}
