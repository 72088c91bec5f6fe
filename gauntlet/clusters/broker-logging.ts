// How a broker logs, to standard output, which is its log file: Log4j 2 from Kafka 4.0 on, and before that the older
// one, with a configuration and an option of its own.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { majorOf } from './kafka-version.ts'

const log4j2Text = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %p %c{1}: %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.kafkaConfig.name = kafka.server.KafkaConfig
logger.kafkaConfig.level = warn
logger.raftConfig.name = org.apache.kafka.clients
logger.raftConfig.level = warn
`

const log4jText = `log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{yyyy-MM-dd HH:mm:ss,SSS} %p %c{1}: %m%n
log4j.logger.org.apache.kafka.common.config=WARN
log4j.logger.kafka.server.KafkaConfig=WARN
log4j.logger.org.apache.kafka.clients=WARN
`

/** Writes the configuration into a folder and gives the JVM's option for it. */
export async function writeLogging(version: string, folder: string): Promise<string> {
  const isOlder = majorOf(version) < 4
  const file = join(folder, isOlder ? 'log4j.properties' : 'log4j2.properties')
  await writeFile(file, isOlder ? log4jText : log4j2Text)
  return isOlder ? `-Dlog4j.configuration=file:${file}` : `-Dlog4j2.configurationFile=${file}`
}
