package main

import (
	"context"
	"fmt"
	"os"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/files"
	"passbook.example/passbook/cmd/passbook/internal/flags"
	"passbook.example/passbook/cmd/passbook/internal/host"
	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// serveProcesses serves each branch in a process of its own until a signal
// comes, or none is left.
func (a *app) serveProcesses(ctx context.Context, in *customer.Input, ids []uint32, o *serveOptions) error {
	ctx, release := exit.Interruptible(ctx, exit.StopSignals...)
	defer release()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	banks := host.Options{Input: in, IDs: ids, Network: &o.network, Data: o.serving.data, Bank: o.serving.bank, BankID: o.bankID}
	if err := banks.CheckData(); err != nil {
		return files.Occupied(err, in, o.serving.data, a.args)
	}
	logger := a.console.Deeds
	if err := o.network.CheckPorts(ctx, ids, logger); err != nil {
		return err
	}
	err = host.ServeProcesses(ctx, host.Processes{
		IDs: ids, Program: program, Arguments: func(id uint32) []string { return o.childArguments(in.Name, id) },
		Stderr: a.console.Terminal, Logger: logger, Faults: o.faults,
	})
	if err == nil {
		err = exit.StoppedBy(ctx)
	}
	return err
}

// childArguments returns the command line of the process of one branch.
func (o *serveOptions) childArguments(file string, id uint32) []string {
	args := []string{
		"serve", "--child", fmt.Sprintf("--branch=%d", id),
		"--listen=" + o.network.Listen, fmt.Sprintf("--base-port=%d", o.network.BasePort),
		"--data=" + o.serving.data, "--bank=" + o.serving.bank, "--bank-id=" + o.bankID, fmt.Sprintf("--bootstrap=%t", o.bootstrap),
		fmt.Sprintf("--peer-timeout=%v", o.serving.peerTimeout), fmt.Sprintf("--max-accounts=%d", o.serving.maxAccounts),
	}
	args = append(args, flags.ConsoleArguments(&o.console)...)
	args = append(args, flags.SecurityArguments(&o.serving.security)...)
	if level := o.serving.acknowledge; level != bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED {
		args = append(args, "--acknowledge="+flags.AcknowledgeWord(level))
	}
	if o.serving.requireHome {
		args = append(args, "--require-home-branch")
	}
	if o.serving.trace {
		args = append(args, "--trace")
	}
	if o.faults {
		args = append(args, "--faults")
	}
	for peer, address := range o.network.Elsewhere {
		args = append(args, fmt.Sprintf("--peer=%d=%s", peer, address))
	}
	args = append(args, o.serving.browsers.Arguments()...)
	return append(args, "--", file)
}
