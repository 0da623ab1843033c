import { Command } from 'commander'
import { OperationalError } from '../../core/errors.ts'
import { createLog } from '../../drivers/log.ts'
