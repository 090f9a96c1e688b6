import { Module } from '@nestjs/common';
import { Cluster } from './cluster.js';

/** What gateways share. */
@Module({ providers: [Cluster], exports: [Cluster] })
export class SocketsModule {}
