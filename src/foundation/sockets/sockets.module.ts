import { Module } from '@nestjs/common';
import { Cluster } from './cluster.js';

/** Providers that all gateways share. */
@Module({ providers: [Cluster], exports: [Cluster] })
export class SocketsModule {}
